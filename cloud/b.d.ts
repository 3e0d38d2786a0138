export declare const b = 1;
export declare const r: Request | null;
