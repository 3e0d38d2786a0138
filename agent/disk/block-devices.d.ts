/** A whole disk. Sizes in bytes; `null` is "the kernel does not say". */
export interface BlockDevice {
    /** Kernel name (`sda`, `nvme0n1`) and the path of its node. */
    name: string;
    path: string;
    sizeBytes: number;
    logicalSectorBytes: number;
    physicalSectorBytes: number;
    rotational: boolean;
    readOnly: boolean;
    removable: boolean;
    model: string | null;
    vendor: string | null;
    serial: string | null;
    wwn: string | null;
    wwnWithExtension: string | null;
    wwnVendorExtension: string | null;
    hctl: string | null;
    byPath: string | null;
    tran: string | null;
    /** Whether the device can make zeros by itself (queue/write_zeroes_max_bytes > 0). */
    canZero: boolean;
}
/** Splits a WWID as udev does: `naa.6…` (16 bytes) has a vendor extension, `naa.5…` and `eui.…` have none. */
export declare function splitWwid(wwid: string | null): Pick<BlockDevice, 'wwn' | 'wwnWithExtension' | 'wwnVendorExtension'>;
/** All disks, hidden NVMe paths left out, ordered by name as people count (sda2 before sda10). */
export declare function listBlockDevices(root: string): Promise<BlockDevice[]>;
