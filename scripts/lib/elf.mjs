/** What the recipe needs to know from inside ELF files. */

/**
 * The names of the modules that a kernel module needs, from the "depends=" entry that modpost puts in .modinfo.
 * @param {Buffer} module the .ko file, not compressed
 * @returns {string[]} with underscores, as the kernel names modules
 */
export function moduleDependencies(module) {
  const start = module.indexOf('\0depends=')
  if (start < 0) throw new Error('not a kernel module: it has no "depends" in its .modinfo')
  const value = module.toString('latin1', start + '\0depends='.length, module.indexOf(0, start + 1))
  return value.split(',').filter(Boolean).map(moduleName)
}

/** A module's name as the kernel has it: dashes and underscores are the same, and it uses underscores. */
export const moduleName = (name) => name.replaceAll('-', '_')

const PT_LOAD = 1
const PT_DYNAMIC = 2
const DT_NEEDED = 1
const DT_STRTAB = 5

/**
 * The shared libraries that a program or library is linked with (DT_NEEDED), for little-endian ELF of 32 and 64 bits.
 * @param {Buffer} elf
 * @returns {string[]} sonames; empty for a static program
 */
export function neededLibraries(elf) {
  if (elf.readUInt32BE(0) !== 0x7f454c46 || elf[5] !== 1) throw new Error('not a little-endian ELF file')
  const wide = elf[4] === 2
  const word = (offset) => (wide ? Number(elf.readBigUInt64LE(offset)) : elf.readUInt32LE(offset))
  const size = wide ? 8 : 4
  const table = word(wide ? 32 : 28)
  const entrySize = elf.readUInt16LE(wide ? 54 : 42)
  const count = elf.readUInt16LE(wide ? 56 : 44)
  const segments = Array.from({ length: count }, (_, index) => {
    const at = table + index * entrySize
    return {
      type: elf.readUInt32LE(at),
      offset: word(at + (wide ? 8 : 4)),
      address: word(at + (wide ? 16 : 8)),
      length: word(at + (wide ? 32 : 16)),
    }
  })
  const dynamic = segments.find(({ type }) => type === PT_DYNAMIC)
  if (!dynamic) return []
  const tags = Array.from({ length: dynamic.length / (2 * size) }, (_, index) => {
    const at = dynamic.offset + index * 2 * size
    return { tag: word(at), value: word(at + size) }
  })
  const strings = tags.find(({ tag }) => tag === DT_STRTAB)
  if (!strings) return []
  const home = segments.find(
    ({ type, address, length }) => type === PT_LOAD && strings.value >= address && strings.value < address + length,
  )
  const base = strings.value - home.address + home.offset
  return tags
    .filter(({ tag }) => tag === DT_NEEDED)
    .map(({ value }) => elf.toString('latin1', base + value, elf.indexOf(0, base + value)))
}

/**
 * The applets that a busybox program has, from its sorted table of names.
 * @param {Buffer} busybox
 * @returns {string[]}
 */
export function busyboxApplets(busybox) {
  const start = busybox.indexOf('\0[\0[[\0') + 1
  if (start === 0) throw new Error('no table of applets in this busybox')
  return busybox.toString('latin1', start, busybox.indexOf('\0\0', start)).split('\0')
}
