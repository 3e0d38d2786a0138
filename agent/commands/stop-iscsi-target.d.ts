export declare const stopIscsiTarget: import("../command.ts").Command;
