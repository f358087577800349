import { setFlagsFromString } from 'node:v8'

/**
 * WebAssembly modules together with the machine code that V8's optimizing compiler made of them. V8 keeps such code for
 * web pages that are visited again, but Node has no call for it; the two functions that V8's own tests use are in every
 * Node. Where they are missing or do not take the code (another Node, another processor), modules are compiled as usual.
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
 * the third (ten times the usual), it leaves code alone that does not run for long.
 */
const flags = ['--allow-natives-syntax', '--no-wasm-lazy-compilation', '--wasm-tiering-budget=18000000']
const optimizing = '--no-liftoff'
const usual = '--liftoff'

const v8Functions = load()

function load(): { serialize: Serialize; deserialize: Deserialize } | undefined {
  try {
    for (const flag of [...flags, optimizing, usual]) setFlagsFromString(flag)
    return {
      serialize: new Function('module', 'return %SerializeWasmModule(module)') as Serialize,
      deserialize: new Function('native', 'wasm', 'return %DeserializeWasmModule(native, wasm)') as Deserialize,
    }
  } catch {
    return undefined
  }
}

/** Has the modules compiled to optimized machine code, on all processors. Takes seconds for a megabyte of WebAssembly. */
export async function optimize(modules: Uint8Array[]): Promise<CompiledModule[]> {
  if (!v8Functions) return modules.map((wasm) => ({ wasm, native: new Uint8Array(0) }))
  setFlagsFromString(optimizing)
  const renewed = modules.map(withMark)
  const compiled: WebAssembly.Module[] = []
  for (const wasm of renewed) compiled.push(await WebAssembly.compile(wasm))
  setFlagsFromString(usual)
  return compiled.map((module, index) => ({
    wasm: renewed[index]!,
    native: new Uint8Array(v8Functions.serialize(module)),
  }))
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
