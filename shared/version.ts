/** Berth's own version; kept equal to package.json by a test. */
export const berthVersion = '0.1.0'

/** Docker Engine API versions that the engine speaks. */
export const maxApiVersion = '1.47'
export const minApiVersion = '1.24'
