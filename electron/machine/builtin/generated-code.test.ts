import { beforeEach, expect, it, vi } from 'vitest'
import { GeneratedCode } from './generated-code'

/** (module (import "e" "note" (func (param i32))) (func (export "f") (param i32) local.get 0 call 0)) */
const notes = Uint8Array.of(
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  ...[0x01, 0x05, 0x01, 0x60, 0x01, 0x7f, 0x00],
  ...[0x02, 0x0a, 0x01, 0x01, 0x65, 0x04, 0x6e, 0x6f, 0x74, 0x65, 0x00, 0x00],
  ...[0x03, 0x02, 0x01, 0x00, 0x07, 0x05, 0x01, 0x01, 0x66, 0x00, 0x01],
  ...[0x0a, 0x08, 0x01, 0x06, 0x00, 0x20, 0x00, 0x10, 0x00, 0x0b],
)
const at = 100
const firstIndex = 1024

let noted: number[]
let finished: number[][]
let table: Map<number, ((entry: number) => void) | null>
let code: GeneratedCode

/** A core whose memory has the module at `at`. */
function core() {
  const buffer = new ArrayBuffer(65_536)
  new Uint8Array(buffer).set(notes, at)
  return {
    memory: { buffer, grow: () => 0 },
    table: { set: (index: number, run: unknown) => void table.set(index, run as null) },
    exports: {
      note: (entry: number) => void noted.push(entry),
      codegen_finalize_finished: (...args: number[]) => void finished.push(args),
    },
  }
}

beforeEach(() => {
  noted = []
  finished = []
  table = new Map()
  code = new GeneratedCode(core())
})

it('compiles what the core has generated, and tells it when that is done', async () => {
  code.finalize(7, 0x1000, 3, at, notes.length)
  expect(finished).toEqual([])
  await vi.waitFor(() => expect(finished).toEqual([[7, 0x1000, 3]]))
  table.get(firstIndex + 7)!(42)
  expect(noted).toEqual([42])
})

it('finishes at once what is being compiled, and only once', async () => {
  code.finalize(7, 0x1000, 3, at, notes.length)
  code.settle()
  expect(finished).toEqual([[7, 0x1000, 3]])
  code.settle()
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(finished).toHaveLength(1)
})

it('gives all that is in use to a snapshot, and puts it in place again', () => {
  for (const index of [1, 2]) {
    code.finalize(index, 0, 0, at, notes.length)
    code.settle()
  }
  code.clear(1)
  expect(table.get(firstIndex + 1)).toBeNull()
  const kept = code.kept()
  expect([...kept.keys()]).toEqual([2])

  table.clear()
  let read = 0
  const next = new GeneratedCode(core())
  next.restore(new Map([[2, () => (read++, kept.get(2)!())]]))
  expect(read).toBe(0)
  expect([...next.kept().keys()]).toEqual([2])
  table.get(firstIndex + 2)!(5)
  table.get(firstIndex + 2)!(6)
  expect({ noted, read }).toEqual({ noted: [5, 6], read: 1 })
})
