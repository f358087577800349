import { expect, it } from 'vitest'
import { moduleOf, optimized } from './native-code'

/** (module (func (export "f") (param i32) (result i32) local.get 0 i32.const 1 i32.add)) */
const addsOne = Uint8Array.of(
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  ...[0x01, 0x06, 0x01, 0x60, 0x01, 0x7f, 0x01, 0x7f, 0x03, 0x02, 0x01, 0x00],
  ...[0x07, 0x05, 0x01, 0x01, 0x66, 0x00, 0x00],
  ...[0x0a, 0x09, 0x01, 0x07, 0x00, 0x20, 0x00, 0x41, 0x01, 0x6a, 0x0b],
)

function run(module: WebAssembly.Module, value: number): number {
  return (new WebAssembly.Instance(module, {}).exports.f as (value: number) => number)(value)
}

it('gives modules with their machine code, ready to run', async () => {
  const modules = await optimized(new Map([[7, () => ({ wasm: addsOne, native: new Uint8Array(0) })]]))
  const compiled = modules.get(7)!()
  // Other versions of V8 are left alone.
  expect(compiled.native.length > 0).toBe(process.versions.v8.startsWith('11.3.'))
  expect(run(moduleOf(compiled), 41)).toBe(42)
})

it('compiles a module whose machine code is missing or of no use here', () => {
  expect(run(moduleOf({ wasm: addsOne, native: new Uint8Array(0) }), 1)).toBe(2)
  // V8 finds a module that it has compiled by its bytes alone, so each of these is another.
  const marked = Uint8Array.of(...addsOne, 0, 2, 0, 0)
  expect(run(moduleOf({ wasm: marked, native: new Uint8Array(200).fill(1) }), 2)).toBe(3)
})
