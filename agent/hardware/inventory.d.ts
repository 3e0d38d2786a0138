import type { Inventory } from '../../shared/agent-protocol.ts';
import type { BlockDevice } from '../disk/block-devices.ts';
/** `root` stands for `/`. */
export declare function readInventory(root: string, disks: BlockDevice[]): Promise<Inventory>;
