import type { CommandContext } from '../command.ts';
import type { MdArray } from '../disk/md-arrays.ts';
export interface NodeArrays {
    readonly own: readonly MdArray[];
    /** In the kernel, too, and on no record. */
    readonly others: readonly MdArray[];
    /** On record, and not to be put together, each as people know it. */
    readonly absent: readonly string[];
}
/** The node's own are put together, and nothing else is. They are among the machine's disks from then on. */
export declare function arraysOf({ machine, node }: CommandContext): Promise<NodeArrays>;
