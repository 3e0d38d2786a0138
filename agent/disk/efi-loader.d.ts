/** From the root of the partition, with backslashes; undefined when there is none. `folder`: where the partition is mounted. */
export declare function findEfiLoader(folder: string, arch?: string): Promise<string | undefined>;
