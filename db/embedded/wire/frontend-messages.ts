/** Messages that a client sends: builders for our own use and rewriting of single fields. */

function message(type: string, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  const header = Buffer.alloc(5)
  header.write(type, 0, 'latin1')
  header.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([header, body])
}

export const sync = message('S')

export function query(sql: string): Buffer {
  return message('Q', Buffer.from(`${sql}\0`))
}

/** Parse, Bind and Execute of a statement without parameters or rows, under the unnamed statement and portal. */
export function extendedQuery(sql: string): Buffer {
  return Buffer.concat([
    message('P', Buffer.from(`\0${sql}\0\0\0`)),
    message('B', Buffer.alloc(8)),
    message('E', Buffer.alloc(5)),
  ])
}

export function closeStatement(name: string): Buffer {
  return message('C', Buffer.from(`S${name}\0`))
}

export interface Parse {
  readonly name: string
  readonly sql: string
}

/** Name and text of a Parse message. */
export function readParse(bytes: Buffer): Parse {
  const nameEnd = bytes.indexOf(0, 5)
  return {
    name: bytes.toString('utf8', 5, nameEnd),
    sql: bytes.toString('utf8', nameEnd + 1, bytes.indexOf(0, nameEnd + 1)),
  }
}

/** The same Parse with another name and text; parameter types stay. */
export function withParse(bytes: Buffer, parse: Parse): Buffer {
  const sqlEnd = bytes.indexOf(0, bytes.indexOf(0, 5) + 1)
  return message('P', Buffer.from(`${parse.name}\0${parse.sql}\0`), bytes.subarray(sqlEnd + 1))
}

/** Statement name of a Bind message (the second of its two leading names). */
export function readBindStatement(bytes: Buffer): string {
  const portalEnd = bytes.indexOf(0, 5)
  return bytes.toString('utf8', portalEnd + 1, bytes.indexOf(0, portalEnd + 1))
}

export function withBindStatement(bytes: Buffer, name: string): Buffer {
  const portalEnd = bytes.indexOf(0, 5)
  const statementEnd = bytes.indexOf(0, portalEnd + 1)
  return message('B', bytes.subarray(5, portalEnd + 1), Buffer.from(`${name}\0`), bytes.subarray(statementEnd + 1))
}

/** What a Describe or Close message names: a statement (`S`) or a portal (`P`). */
export function readTarget(bytes: Buffer): { kind: string; name: string } {
  return { kind: String.fromCharCode(bytes[5] ?? 0), name: bytes.toString('utf8', 6, bytes.indexOf(0, 6)) }
}

/** The same Describe or Close for another statement name. */
export function withTarget(bytes: Buffer, name: string): Buffer {
  return message(String.fromCharCode(bytes[0] ?? 0), bytes.subarray(5, 6), Buffer.from(`${name}\0`))
}
