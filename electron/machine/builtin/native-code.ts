import { setFlagsFromString } from 'node:v8'

/**
 * WebAssembly modules together with the machine code that V8's optimizing compiler made of them. V8 keeps such code for
 * web pages that are visited again, but Node has no call for it; the two functions that V8's own tests use are in every
 * Node. Under another V8 than the one that this was tried with, and where the code is another processor's, modules are
 * compiled as usual.
 */
export interface CompiledModule {
  wasm: Uint8Array
  /** The machine code, as V8 serializes it; empty where it can't. */
  native: Uint8Array
}

type Serialize = (module: WebAssembly.Module) => ArrayBuffer
type Deserialize = (native: ArrayBuffer, wasm: Uint8Array) => WebAssembly.Module | undefined

/**
 * Machine code is taken only under the flags that it was made with. With the second, V8 compiles in other threads; with
 * the third (500 times the usual), it optimizes what runs for a second in all: that costs more than it brings for less.
 */
const flags = ['--allow-natives-syntax', '--no-wasm-lazy-compilation', '--wasm-tiering-budget=1000000000']
const optimizing = ['--no-liftoff']
/** V8 gives dynamic tiering up together with Liftoff and does not take it up again by itself: it would optimize everything. */
const usual = ['--liftoff', '--wasm-dynamic-tiering']

/** Node 20's. These functions end the process when they are used wrongly, so another V8 has to be tried first. */
const triedVersion = '11.3.'

const v8Functions = load()

function load(): { serialize: Serialize; deserialize: Deserialize } | undefined {
  if (!process.versions.v8.startsWith(triedVersion)) return undefined
  for (const flag of [...flags, ...optimizing, ...usual]) setFlagsFromString(flag)
  return {
    serialize: new Function('module', 'return %SerializeWasmModule(module)') as Serialize,
    deserialize: new Function('native', 'wasm', 'return %DeserializeWasmModule(native, wasm)') as Deserialize,
  }
}

/** Modules by their index in the emulator's function table, each read when it is asked for. */
export type KeptCode = Map<number, () => CompiledModule>

/**
 * Gives each module optimized machine code that has none yet. Works on all processors and takes seconds for a megabyte of
 * WebAssembly.
 */
export async function optimized(kept: KeptCode): Promise<KeptCode> {
  if (!v8Functions) return kept
  const { serialize } = v8Functions
  for (const flag of optimizing) setFlagsFromString(flag)
  const compiled = [...kept].map(async ([index, get]): Promise<[number, () => CompiledModule]> => {
    const module = get()
    if (module.native.length > 0) return [index, get]
    const wasm = withMark(module.wasm)
    const code = await WebAssembly.compile(wasm)
    return [index, () => ({ wasm, native: new Uint8Array(serialize(code)) })]
  })
  const modules = new Map(await Promise.all(compiled))
  for (const flag of usual) setFlagsFromString(flag)
  return modules
}

/** The module ready to run: from its machine code where that fits, compiled anew where not. */
export function moduleOf({ wasm, native }: CompiledModule): WebAssembly.Module {
  const made = native.length > 0 && v8Functions?.deserialize(bufferOf(native), wasm)
  return made || new WebAssembly.Module(wasm)
}

/** V8 gives a module that it has already compiled out again; one with an empty custom section more is another. */
function withMark(wasm: Uint8Array): Uint8Array {
  const marked = new Uint8Array(wasm.length + 3)
  marked.set(wasm)
  marked.set([0, 1, 0], wasm.length)
  return marked
}

function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): ArrayBuffer {
  return (
    byteOffset === 0 && byteLength === buffer.byteLength ? buffer : buffer.slice(byteOffset, byteOffset + byteLength)
  ) as ArrayBuffer
}
