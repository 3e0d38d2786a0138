import 'reflect-metadata';
export interface OwnCertificate {
    certPem: string;
    keyPem: string;
}
/** EC P-256, subject alternative names for the addresses (and names) given, valid from one hour ago for 90 days. */
export declare function makeCertificate(addresses: string[], now: Date): Promise<OwnCertificate>;
