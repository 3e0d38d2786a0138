export interface NumaTopology {
    readonly ram: {
        readonly numa_node: number;
        readonly size_kb: number;
    }[];
    /** One entry for each core; `thread_siblings`: the kernel's numbers of its threads. */
    readonly cpus: {
        readonly cpu: number;
        readonly numa_node: number;
        readonly thread_siblings: number[];
    }[];
    readonly nics: {
        readonly name: string;
        readonly numa_node: number;
    }[];
}
/** `root` stands for `/`. A kernel without NUMA has no such folders: all lists are empty then. */
export declare function readNumaTopology(root: string): Promise<NumaTopology>;
