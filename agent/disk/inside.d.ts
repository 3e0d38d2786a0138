/**
 * Where `path` is below `root`, links followed as if `root` were `/`; what is not there yet counts as folders to be. Nobody else may change the tree
 * meanwhile. `last: 'itself'` leaves a link at the end as it is.
 */
export declare function resolveInside(root: string, path: string, last?: 'followed' | 'itself'): Promise<string>;
