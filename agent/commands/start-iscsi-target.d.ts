export declare const startIscsiTarget: import("../command.ts").Command;
