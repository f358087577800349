/** Whether a version (`6.1.0-50-686`, `1.1.5+ds1`) is not before another one, by its first two numbers. */
export function atLeast(version: string, least: string): boolean {
  const [major = 0, minor = 0] = version.split(/[^0-9]+/).map(Number)
  const [leastMajor = 0, leastMinor = 0] = least.split('.').map(Number)
  return major > leastMajor || (major === leastMajor && minor >= leastMinor)
}
