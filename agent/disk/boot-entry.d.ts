export interface BootFile {
    /** Shown in the firmware's menu. */
    readonly description: string;
    readonly partition: {
        readonly number: number;
        readonly guid: string;
        readonly firstLba: number;
        readonly lastLba: number;
    };
    /** With backslashes, from the root of the partition. */
    readonly path: string;
}
export declare function encodeBootEntry({ description, partition, path }: BootFile): Buffer;
/** What the menu calls an entry, whoever made it. CodecError when it has no end. */
export declare function descriptionOf(entry: Buffer): string;
/** Where an entry leads, still encoded. CodecError for one that ends too early. */
export declare function devicePathOf(entry: Buffer): Buffer;
