/**
 * The "newc" cpio archive that the Linux kernel unpacks as an initramfs
 * (Documentation/driver-api/early-userspace/buffer-format.rst).
 */

const S_IFDIR = 0o040000
const S_IFREG = 0o100000
const S_IFLNK = 0o120000
const S_IFCHR = 0o020000

const typeBits = { folder: S_IFDIR, file: S_IFREG, link: S_IFLNK, device: S_IFCHR }

/**
 * @typedef {{ path: string, mode?: number } & (
 *   | { type: 'folder' }
 *   | { type: 'file', data: Buffer }
 *   | { type: 'link', target: string }
 *   | { type: 'device', major: number, minor: number }
 * )} Entry  `path` is relative to the root, without a leading slash; a folder comes before what is in it; `mode` is the
 * permission bits (by default 0755, and 0777 for a link); `device` is a character device.
 */

/**
 * An uncompressed newc archive of the entries, all owned by root and dated 0, so that the same entries always give the
 * same bytes.
 * @param {Entry[]} entries
 * @returns {Buffer}
 */
export function cpio(entries) {
  const parts = entries.flatMap((entry, index) => record(entry, index + 1))
  return Buffer.concat([...parts, ...record({ path: 'TRAILER!!!', type: 'file', data: Buffer.alloc(0), mode: 0 }, 0)])
}

/** @param {Entry} entry */
function record(entry, inode) {
  const data = entry.type === 'file' ? entry.data : Buffer.from(entry.type === 'link' ? entry.target : '')
  const name = Buffer.from(entry.path + '\0')
  const permissions = entry.mode ?? (entry.type === 'link' ? 0o777 : 0o755)
  const device = entry.type === 'device' ? entry : { major: 0, minor: 0 }
  const fields = [
    inode,
    inode === 0 ? 0 : typeBits[entry.type] | permissions,
    0, // uid
    0, // gid
    entry.type === 'folder' ? 2 : 1,
    0, // mtime
    data.length,
    0, // device that the archive was made on
    0,
    device.major,
    device.minor,
    name.length,
    0, // checksum, not used by newc
  ]
  const header = Buffer.from('070701' + fields.map((field) => field.toString(16).padStart(8, '0')).join(''))
  return [header, name, padding(header.length + name.length), data, padding(data.length)]
}

/** Header with name, and data, each end on a multiple of four bytes. */
const padding = (length) => Buffer.alloc(-length & 3)
