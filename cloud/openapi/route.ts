// GET /v1/openapi.json: the description of the API, made once when it is asked for first.
import { json, type Route } from '../api/call.ts'
import { readQuery } from '../api/query.ts'
import { describe } from './document.ts'

export function openapiRoute(routes: () => readonly Route[]): Route {
  let text: string | undefined
  return {
    method: 'GET',
    path: '/v1/openapi.json',
    about: 'This description',
    open: true,
    run(call) {
      readQuery(call.search, [])
      text ??= JSON.stringify(describe(routes()))
      return json(text, 200, { 'Cache-Control': 'public, max-age=300' })
    },
  }
}
