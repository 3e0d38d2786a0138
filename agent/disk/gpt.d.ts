/** "Linux filesystem data", which is what `sgdisk --new` makes. */
export declare const LINUX_DATA = "0FC63DAF-8483-4772-8E79-3D69D8477DE4";
export interface GptEntry {
    /** 1-based place in the table: the partition's number. */
    number: number;
    type: string;
    guid: string;
    firstLba: number;
    lastLba: number;
    attributes: bigint;
    name: string;
}
export interface Gpt {
    diskGuid: string;
    myLba: number;
    otherLba: number;
    firstUsableLba: number;
    lastUsableLba: number;
    entriesLba: number;
    entryCount: number;
    entryBytes: number;
    entries: GptEntry[];
}
/** Mixed-endian bytes of a GUID (first three groups little-endian) as upper-case text. */
export declare function readGuid(bytes: Buffer, at: number): string;
export declare function writeGuid(bytes: Buffer, at: number, guid: string): void;
/** Whether a sector looks like a GPT header at all. */
export declare const hasGptMagic: (sector: Uint8Array) => boolean;
/** The header without its entries; CodecError when magic, sizes or checksum are wrong. `sector` is at least 92 bytes. */
export declare function decodeGptHeader(sector: Buffer): Omit<Gpt, 'entries'> & {
    entriesCrc: number;
};
/** Header plus its entry array (`entryCount × entryBytes` bytes of it); CodecError when they do not belong together. */
export declare function decodeGpt(headerSector: Buffer, entryArray: Buffer): Gpt;
/** The entry array as it is on disk. */
export declare function encodeGptEntries(gpt: Gpt): Buffer;
/** One sector with the header; both checksums are made here. */
export declare function encodeGptHeader(gpt: Gpt, sectorBytes: number): Buffer;
