import { defineStore } from 'pinia'
import { ref } from 'vue'
import type { KnownRegistry } from '../../../shared/explore'
import { call } from '../bridge'

export const hub = 'docker.io'

/** The registries that the person added or is logged in to; main keeps them, with the logins. */
export const useRegistries = defineStore('registries', () => {
  const list = ref<KnownRegistry[]>([])

  async function sync(): Promise<void> {
    list.value = await call('registries', 'list')
  }

  /** @throws {Error} for what is no registry's name. Returns the name that it has in the list. */
  async function add(host: string): Promise<string> {
    const added = await call('registries', 'add', host)
    await sync()
    return added
  }
  async function remove(host: string): Promise<void> {
    await call('registries', 'remove', host)
    await sync()
  }
  /** @throws {Error} in the registry's words when it does not accept it */
  async function login(host: string, username: string, password: string): Promise<void> {
    await call('registries', 'login', host, username, password)
    await sync()
  }
  async function logout(host: string): Promise<void> {
    await call('registries', 'logout', host)
    await sync()
  }

  void sync()
  return { list, sync, add, remove, login, logout }
})
