import { expect, it } from 'vitest'
import { z } from 'zod'
import { inSchemasCase } from './json'

const schema = z.object({
  DetachKeys: z.string().nullish(),
  Labels: z.record(z.string(), z.string()).nullish(),
  IPAM: z.object({ Config: z.array(z.object({ Subnet: z.string() })).nullish() }).optional(),
  Tail: z.number().nullish().transform((value) => value ?? 0), // prettier-ignore
})

it('takes keys in any case, at any depth', () => {
  const given = { detachKeys: 'ctrl-p', ipam: { CONFIG: [{ subnet: '10.0.0.0/8' }] }, tail: 3 }
  expect(inSchemasCase(schema, given)).toEqual({
    ...{ DetachKeys: 'ctrl-p', IPAM: { Config: [{ Subnet: '10.0.0.0/8' }] }, Tail: 3 },
  })
})

it('prefers the exact key, and leaves the keys of maps and unknown ones alone', () => {
  expect(inSchemasCase(schema, { detachkeys: 'a', DetachKeys: 'b', Labels: { detachkeys: 'x' }, Other: 1 })).toEqual({
    ...{ DetachKeys: 'b', Labels: { detachkeys: 'x' }, Other: 1 },
  })
  expect(inSchemasCase(schema, null)).toBeNull()
})
