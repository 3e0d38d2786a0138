export interface PciDevice {
    readonly bus: string;
    readonly vendor_id: string;
    readonly product_id: string;
    readonly class: string;
    readonly revision: string;
}
/** `root` stands for `/`. By their place on the bus; one that says nothing of itself is left out. */
export declare function listPciDevices(root: string): Promise<PciDevice[]>;
