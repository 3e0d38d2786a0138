export declare const prepareImage: import("../command.ts").Command;
