export interface MbrEntry {
    /** 1–4. */
    number: number;
    bootable: boolean;
    type: number;
    firstLba: number;
    sectors: number;
}
export interface Mbr {
    /** NT disk signature at 440, as Linux shows it in PTUUID. */
    signature: number;
    entries: MbrEntry[];
}
export declare const MBR_TYPE_LINUX = 131;
export declare const MBR_TYPE_PROTECTIVE = 238;
/** Sector numbers are 32 bits wide. */
export declare const MBR_MAX_LBA = 4294967295;
/** CodecError without the 55 AA mark or with an entry that cannot be (a boot sector of a file system has the mark, too). */
export declare function decodeMbr(sector: Buffer): Mbr;
/** Puts one entry into a copy of the sector; boot code, signature and the other entries stay. CHS fields say "use LBA". */
export declare function withMbrEntry(sector: Buffer, entry: MbrEntry): Buffer;
/** Sectors of the protective MBR's one entry when the disk grew: 2^32 − 1 at most (UEFI 2.10 §5.2.3). */
export declare const protectiveSectors: (diskSectors: number) => number;
