import { decode, encode, type RecordType } from 'dns-packet'
import { expect, test } from 'vitest'
import type { Attachment } from './attachment'
import { answer, type Asker } from './dns'

const attachment = (own: Partial<Attachment>) =>
  ({ address: '', address6: '', dnsNames: [], links: {}, userDefined: true, ...own }) as Attachment

const web1 = attachment({ address: '10.0.0.2', address6: 'fd00::2', dnsNames: ['web_1', 'web', '0123456789ab'] })
const web2 = attachment({ address: '10.0.0.3', dnsNames: ['web_2', 'Web'] })
const own = attachment({ address: '10.0.0.4', dnsNames: ['client'], links: { db: 'web_1', lost: 'nobody' } })
const asker: Asker = {
  places: [{ network: 'app.net', own, others: [web1, web2, own] }],
  outside: true,
  servers: undefined,
  ndots: false,
}

async function ask(name: string, type: RecordType = 'A', from: Asker = asker) {
  const outside: { servers?: string[] }[] = []
  const query = encode({ type: 'query', id: 77, questions: [{ name, type }] })
  const bytes = await answer(from, query, 'udp', async (message, _transport, servers) => {
    outside.push({ servers })
    const { id, questions } = decode(message)
    return encode({ type: 'response', id, questions, answers: [{ type: 'A', name, data: '192.0.2.1' }] })
  })
  const reply = decode(bytes)
  const answers = (reply.answers ?? []).map((record) => ('data' in record ? String(record.data) : '')).sort()
  return { id: reply.id, code: (reply as { rcode?: string }).rcode, answers, outside }
}

test.each([
  ['web_1', ['10.0.0.2']],
  ['WEB', ['10.0.0.2', '10.0.0.3']],
  ['web.app.net', ['10.0.0.2', '10.0.0.3']],
  ['0123456789ab', ['10.0.0.2']],
  ['db', ['10.0.0.2']],
  ['db.app.net', ['10.0.0.2']],
  ['client', ['10.0.0.4']],
])('%s is known', async (name, answers) => {
  expect(await ask(name)).toMatchObject({ id: 77, code: 'NOERROR', answers, outside: [] })
})

test('a known name without an address of the family has an empty answer', async () => {
  expect(await ask('web_2', 'AAAA')).toMatchObject({ code: 'NOERROR', answers: [], outside: [] })
  expect(await ask('web', 'AAAA')).toMatchObject({ answers: ['fd00::2'] })
  expect(await ask('web', 'MX')).toMatchObject({ code: 'NOERROR', answers: [], outside: [] })
})

test('addresses are known by name', async () => {
  expect(await ask('2.0.0.10.in-addr.arpa', 'PTR')).toMatchObject({ answers: ['web_1.app.net'], outside: [] })
  const reverse6 = `2.${'0.'.repeat(27)}0.0.d.f.ip6.arpa`
  expect(await ask(reverse6, 'PTR')).toMatchObject({ answers: ['web_1.app.net'] })
})

test.each(['nosuch', 'web.other.net', 'lost', '9.0.0.10.in-addr.arpa'])('%s is asked outside', async (name) => {
  expect((await ask(name)).outside).toHaveLength(1)
})

test('what may not go outside fails, and names without a dot stay here where ndots says so', async () => {
  expect(await ask('example.com', 'A', { ...asker, outside: false })).toMatchObject({ code: 'SERVFAIL', outside: [] })
  expect(await ask('nosuch', 'A', { ...asker, ndots: true })).toMatchObject({
    code: 'NOERROR',
    answers: [],
    outside: [],
  })
  const servers = ['192.0.2.53']
  expect(await ask('example.com', 'A', { ...asker, servers })).toMatchObject({ outside: [{ servers }] })
})
