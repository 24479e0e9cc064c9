/**
 * Every reason for which one event is refused, with the text a sender reads. A text says what to do and never repeats
 * the value that was sent: values may be personal data and these texts reach logs, answers and the quarantine.
 */
export const eventErrors = {
  invalid_json: 'This line is not JSON. Send one JSON object per line, in UTF-8.',
  invalid_event: 'An event must be a JSON object with event_id, type, occurred_at and user_id.',
  missing_field: 'This field is required. Add it.',
  invalid_id:
    'This identifier has a character or a length that is not allowed. Send an opaque id, never an e-mail address.',
  reserved_id: 'This identifier is a placeholder such as null, undefined or anonymous. Send the id of a real member.',
  invalid_time:
    'This is not a time. Send RFC 3339 with a zone, a real calendar day and a year from 1970 on, like 2026-03-31T08:15:00Z.',
  invalid_source: 'source must be a text of at most 64 characters.',
  unknown_type:
    'This event type is not in the catalogue. Use one of docs/events.md, or type "action" with properties.name.',
  invalid_properties: 'properties must be a JSON object.',
  missing_property: 'This event type needs this property. Add it.',
  invalid_property: 'This property does not have the documented type or range (docs/events.md).',
  invalid_text: 'Texts must be valid Unicode without the NUL character. Remove NUL and unpaired surrogates.',
  invalid_number: 'Numbers must be finite. Send a number within the range of a double.',
  too_large: 'Texts may have at most 65,536 characters and property names 255. Shorten it.',
  too_many_properties: 'An event may carry at most 255 properties, nested ones and list elements included. Send fewer.',
  too_deep: 'Properties may be nested at most 3 levels, counting properties itself. Flatten the deeper ones.',
} as const satisfies Record<string, string>

export type EventErrorCode = keyof typeof eventErrors

/** One reason: `field` is a path such as `user_id` or `properties.schedule.days`, made of catalogue names only. */
export type EventError = { readonly field: string; readonly code: EventErrorCode; readonly message: string }

/** `detail` is the rule that was broken in words (never the value). */
export function eventError(field: string, code: EventErrorCode, detail?: string): EventError {
  return { field, code, message: detail === undefined ? eventErrors[code] : `${eventErrors[code]} ${detail}` }
}

/** Reasons for which a whole body is refused; nothing of it is stored. */
export const batchErrors = {
  invalid_body:
    'The body is not JSON. Send {"events":[…]} as application/json, or one event per line as application/x-ndjson.',
  invalid_batch: 'The body must be a JSON object {"sent_at"?, "device_id"?, "events":[…]}.',
  invalid_sent_at:
    "sent_at must be the sender's clock at the time of sending: RFC 3339 with a zone, like 2026-03-31T08:15:00Z.",
  invalid_device_id:
    'device_id must be an opaque id of the installation, like a UUID; never an e-mail address or null.',
} as const satisfies Record<string, string>

export type BatchErrorCode = keyof typeof batchErrors
