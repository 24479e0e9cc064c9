import { dashboard } from '../dashboard.ts'
import { by, over, stat, together } from '../panels.ts'
import { tenantVariables } from '../variables.ts'

const filters = ['plan', 'coach', 'cohort', 'persona'] as const
const options = { filters }

export const aiNudges = dashboard({
  name: 'ai-nudges',
  title: 'AI nudges',
  description: 'Whether nudges lead to action, beyond what members do anyway, and how AI sessions are rated.',
  variables: tenantVariables(filters),
  rows: {
    Now: [
      'ai_nudge_effectiveness',
      'ai_nudge_baseline',
      'ai_nudge_lift',
      'ai_session_satisfaction',
      'ai_session_top_two_share',
      'ai_session_response_rate',
    ].map((name) => stat(name, options)),
    Nudges: [
      together('Followed by an action within a day', ['ai_nudge_effectiveness', 'ai_nudge_baseline'], options).span(12),
      over('ai_nudge_lift', options).span(12),
      by('persona', 'ai_nudge_effectiveness', options),
      by('persona', 'ai_nudge_direct_share', options),
      together('Direct and influenced', ['ai_nudge_direct_share', 'ai_nudge_influenced_share'], options).span(12),
      by('plan', 'ai_nudge_effectiveness', options),
    ],
    'AI sessions': [
      over('ai_session_satisfaction', options),
      over('ai_session_top_two_share', options),
      over('ai_session_response_rate', options),
    ],
  },
})
