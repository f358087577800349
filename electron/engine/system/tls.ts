import { readFile } from 'node:fs/promises'
import type { TlsOptions } from 'node:tls'
import { MachineError } from '../../machine/machine'
import { messageOf } from '../errors'
import { configFile, type EngineConfig } from './config'

/** An address of the settings' `hosts`, with what its listener needs. */
export interface TcpHost {
  host: string
  port: number
  tls: TlsOptions
}

/** dockerd's port for TLS. */
const usualPort = 2376

/**
 * The TCP addresses to listen on. Whoever reaches the API has the whole machine, so that it goes over TCP only to clients
 * that show a certificate of the given authority. Throws a MachineError for anything less.
 */
export async function tcpHosts(config: EngineConfig): Promise<TcpHost[]> {
  if (config.hosts.length === 0) return []
  const { tlsverify, tlscacert, tlscert, tlskey } = config
  if (!tlsverify || !tlscacert || !tlscert || !tlskey) {
    throw new MachineError(
      'engine',
      `The engine does not listen on ${config.hosts.join(', ')} without checking who calls: the API is as good as root.`,
      `In ${configFile}, set "tlsverify": true with "tlscacert", "tlscert" and "tlskey", or take out "hosts".`,
    )
  }
  const read = (file: string) =>
    readFile(file).catch((error: unknown) => {
      throw new MachineError('engine', `Could not read ${file}: ${messageOf(error)}`, `Correct it in ${configFile}.`)
    })
  const [ca, cert, key] = await Promise.all([read(tlscacert), read(tlscert), read(tlskey)])
  const tls: TlsOptions = { ca, cert, key, requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.2' }
  return config.hosts.map((address) => ({ ...parse(address), tls }))
}

function parse(address: string): { host: string; port: number } {
  const [, bracketed, plain, port = usualPort] = /^tcp:\/\/(?:\[([^\]]+)\]|([^:/]*))(?::(\d+))?$/.exec(address) ?? []
  if (bracketed === undefined && plain === undefined) {
    throw new MachineError(
      'engine',
      `The engine can't listen on ${address}.`,
      `Give a tcp:// address in ${configFile}.`,
    )
  }
  return { host: bracketed ?? (plain || 'localhost'), port: Number(port) }
}
