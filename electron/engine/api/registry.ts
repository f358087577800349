import { EngineError, messageOf } from '../errors'
import { parseReference, type Reference } from '../../../shared/reference'
import { searchImages, searchFilters } from '../registry/search'
import { describeRemote } from '../images/distribution'
import type { Registries } from '../registry/registries'
import { filters, integer, ok, type ApiRequest, type Route } from './http'
import { authConfig, credentialsOf, registryAuth } from './registry-auth'

/** Docker's routes that ask a registry and change nothing here. */
export function registryRoutes(registries: Registries): Route[] {
  return [
    ['POST', '/auth', (request) => login(registries, request)],
    ['GET', '/images/search', (request) => search(registries, request)],
    ['GET', '/distribution/{name*}/json', (request) => distribution(registries, request)],
  ]
}

async function login(registries: Registries, request: ApiRequest) {
  const given = await request.json(authConfig)
  const IdentityToken = await registries.login(given.serveraddress ?? '', credentialsOf(given), request.signal)
  return ok({ IdentityToken, Status: 'Login Succeeded' })
}

const defaultLimit = 25
const maxLimit = 100

async function search(registries: Registries, { query, headers, signal, version }: ApiRequest) {
  const limit = integer(query, 'limit', defaultLimit) || defaultLimit
  if (limit < 1 || limit > maxLimit)
    throw new EngineError('invalid', `limit ${limit} is outside the range of [1, ${maxLimit}]`)
  const wanted = filters(query, searchFilters)
  const credentials = registryAuth(headers['x-registry-auth'])
  return ok(await searchImages(registries, query.get('term') ?? '', { limit, wanted, credentials, version }, signal))
}

async function distribution(registries: Registries, { params, headers, signal }: ApiRequest) {
  const credentials = registryAuth(headers['x-registry-auth'])
  return ok(await describeRemote(registries, read(params.name!), credentials, signal))
}

function read(name: string): Reference {
  try {
    return parseReference(name)
  } catch (error) {
    throw new EngineError('invalid', messageOf(error))
  }
}
