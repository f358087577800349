import { expect, test } from 'vitest'
import { routeOfLink } from './deep-link'

test.each([
  ['berth://container/web', '/containers/web'],
  ['berth://container/web/logs/', '/containers/web/logs'],
  ['berth://stack/shop', '/stacks/shop'],
  ['berth://volume/data', '/volumes/data'],
  ['berth://settings', '/settings'],
  ['berth://run', '/containers?run'],
  ['berth://container/', undefined],
  ['berth://container/../../etc', undefined],
  ['berth://container/a%20b?x=1', undefined],
  ['berth://anything', undefined],
  ['https://container/web', undefined],
])('%s', (link, route) => expect(routeOfLink(link)).toBe(route))
