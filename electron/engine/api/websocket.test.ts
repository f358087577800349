import { duplexPair } from 'node:stream'
import { expect, test } from 'vitest'
import { handshake, WebSocketStream } from './websocket'

/** A frame as a client sends it. */
function masked(opcode: number, text: string): Buffer {
  const payload = Buffer.from(text)
  const mask = Buffer.from([1, 2, 3, 4])
  const head = Buffer.from([0x80 | opcode, 0x80 | payload.length])
  return Buffer.concat([head, mask, payload.map((byte, i) => byte ^ mask[i % 4]!)])
}

test("the handshake is RFC 6455's own example", () => {
  const headers = { upgrade: 'websocket', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' }
  expect(handshake(headers)['Sec-WebSocket-Accept']).toBe('s3pPLMBiTxaQ9kYGzzhZRbK+xOo=')
  expect(() => handshake({ upgrade: 'tcp' })).toThrow('not using the websocket protocol')
})

test('messages become bytes, whatever the pieces they come in, and bytes become messages', async () => {
  const [client, server] = duplexPair()
  const stream = new WebSocketStream(server)
  const heard: Buffer[] = []
  client.on('data', (chunk: Buffer) => heard.push(chunk))
  for (const byte of masked(1, 'hello ')) client.write(Buffer.from([byte]))
  client.write(Buffer.concat([masked(9, 'ping'), masked(2, 'world'), masked(8, '')]))
  let text = ''
  for await (const chunk of stream) text += String(chunk)
  expect(text).toBe('hello world')
  expect(Buffer.concat(heard).subarray(0, 6)).toEqual(Buffer.from('\x8a\x04ping', 'latin1'))
})

test('a long message has its length in two bytes', async () => {
  const [client, server] = duplexPair()
  const stream = new WebSocketStream(server)
  const got = new Promise<Buffer>((resolve) => client.once('data', resolve))
  stream.write(Buffer.alloc(300))
  expect((await got).subarray(0, 4)).toEqual(Buffer.from([0x82, 126, 1, 44]))
})
