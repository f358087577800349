import type { Container } from './container'
import { updateBody, type HostConfig, type UpdateBody } from './config'
import type { ContainersOptions } from './deps'
import { EngineError } from '../errors'
import { attributesOf } from './events'
import { settleLimits } from './limits'
import { resourcesOf } from './spec'
import { isLive } from './state'
import type { ContainerStore } from './store'
import { checkRestartPolicy } from './validate'

/** The limits that can be changed; others of the body are refused when they are set. */
const changeable = [
  'BlkioWeight',
  'CpuPeriod',
  'CpuQuota',
  'CpuRealtimePeriod',
  'CpuRealtimeRuntime',
  'CpuShares',
  'CpusetCpus',
  'CpusetMems',
  'Memory',
  'MemoryReservation',
  'MemorySwap',
  'NanoCpus',
  'PidsLimit',
] as const

/** POST /containers/{id}/update: changes limits and the restart policy; a running container has them at once. */
export async function updateContainer(
  options: ContainersOptions,
  store: ContainerStore,
  container: Container,
  body: UpdateBody,
): Promise<string[]> {
  const given = updateBody.parse(body)
  const changes: Partial<HostConfig> = {}
  for (const key of changeable) {
    // Zero, empty and null mean "as it is": clients send every field.
    if (given[key]) Object.assign(changes, { [key]: given[key] })
  }
  const { hostConfig } = container.settings
  const updated: HostConfig = { ...hostConfig, ...changes }
  if (body.RestartPolicy?.Name) {
    updated.RestartPolicy = given.RestartPolicy!
    checkRestartPolicy(updated.RestartPolicy, hostConfig.AutoRemove)
  }
  if (changes.Memory && !changes.MemorySwap && hostConfig.MemorySwap > 0 && hostConfig.MemorySwap < changes.Memory) {
    throw new EngineError(
      'invalid',
      'Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time',
    )
  }
  const { limits, warnings } = settleLimits(changes, options.facts(), true)
  Object.assign(updated, limits)
  settleLimits(updated, options.facts(), true)
  if (container.state.status === 'removing') {
    throw new EngineError('conflict', `Container is marked for removal and cannot be "update".`)
  }
  await container.exclusive(async () => {
    const blockIO = updated.BlkioWeight ? { blockIO: { weight: updated.BlkioWeight } } : {}
    const resources = { ...resourcesOf(updated, options.facts()), ...blockIO }
    if (isLive(container.state) && Object.keys(changes).length > 0) {
      await options.guest().call('container.update', { id: container.id, resources })
    }
    container.settings = { ...container.settings, hostConfig: updated }
    store.saveAll(container)
  })
  options.events.emit('container', 'update', container.id, attributesOf(container))
  return warnings
}
