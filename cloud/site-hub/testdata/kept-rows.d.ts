import type { Sql } from '../../ports.ts';
import type { HubState } from '../state.ts';
/** Where the two differ, as text. To be asked after a turn, before the next one: it reads in the moment in which it is called. */
export declare function staleRows(sql: Sql, { rows }: HubState): Promise<string[]>;
