import { setToken } from '../session/token.ts'
import { Mark } from './icons.tsx'

/** The new dashboards are not switched on for this tenant. */
export function FeatureOff({ tenant }: { tenant: { name: string; slug: string } }) {
  return (
    <main className="centred">
      <section className="sheet">
        <Mark />
        <h1>Dashboards are not switched on yet</h1>
        <p>
          You are signed in to {tenant.name}, and its numbers are being kept. Whoever runs the platform switches the
          dashboards on with:
        </p>
        <pre>
          <code>npm run tenant -- set {tenant.slug} feature.analytics_v2=true</code>
        </pre>
        <div className="row">
          <button type="button" className="button primary" onClick={() => location.reload()}>
            Look again
          </button>
          <button type="button" className="button" onClick={() => setToken(undefined)}>
            Sign out
          </button>
        </div>
      </section>
    </main>
  )
}
