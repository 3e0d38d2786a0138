// The path of a request as routes have it.
import { negotiate } from './microversion.ts'
import { ROUTES } from './routes.ts'

/** From this microversion on `.json` at the end of a path is a part of it. */
const JSON_IS_PART_SINCE = 91
const WITH_JSON = new Set(ROUTES.filter(({ path }) => path.endsWith('.json')).map(({ path }) => path))

/** A path without /v1 is served as if it had it; a slash at its end is ignored, and for old clients `.json` there. */
export function canonicalPath(request: Request): string {
  const path = pathOf(request)
  return hasExtension(path, request) ? path.slice(0, -'.json'.length) : path
}

/** Does the path end with `.json` that is no part of it? */
export function endsWithExtension(request: Request): boolean {
  return hasExtension(pathOf(request), request)
}

function hasExtension(path: string, { headers }: Request): boolean {
  if (!path.endsWith('.json') || WITH_JSON.has(path)) return false
  const { version } = negotiate(headers)
  return version !== null && version < JSON_IS_PART_SINCE
}

function pathOf({ url }: Request): string {
  const start = url.indexOf('/', 8)
  const end = url.indexOf('?', start)
  let path = url.slice(start, end === -1 ? undefined : end)
  while (path.length > 1 && path.endsWith('/')) path = path.slice(0, -1)
  if (path === '/' || path === '/v1' || path.startsWith('/v1/')) return path
  return `/v1${path}`
}
