import { expect, test } from 'vitest'
import contract from '../../resources/guest/contract.json'
import { guestEvent, ops } from './contract'

test('both sides name the same ops', () => {
  expect(Object.keys(ops).sort()).toEqual(Object.keys(contract.ops).sort())
})

test.each(Object.entries(contract.ops))('%s: the examples are what the schemas say', (op, example) => {
  const schema = ops[op as keyof typeof ops]
  expect(schema.request.parse(example.request)).toEqual(example.request)
  expect(schema.reply.parse(example.reply)).toEqual(example.reply)
})

test('the events are what the schema says', () => {
  for (const event of contract.ops.events.events) expect(guestEvent.parse(event)).toEqual(event)
})
