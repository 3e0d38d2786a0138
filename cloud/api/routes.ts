// Every endpoint, in the order in which paths are tried: a fixed word goes before a parameter.
import type { Route } from './call.ts'
import { readRoutes } from './nodes/read.ts'
import { rootRoutes } from './root.ts'

export const ROUTES: readonly Route[] = [...rootRoutes, ...readRoutes]
