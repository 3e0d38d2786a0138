export interface Nic {
    name: string;
    /** Lower-case with colons. */
    mac: string;
    hasCarrier: boolean;
}
/** Interfaces with a device behind them and a MAC that is not all zeros, by name. `root` stands for `/`. */
export declare function listNics(root: string): Promise<Nic[]>;
