// Which codec reads which transfer syntax. Each but the first is a chunk of its own, fetched when a series needs it. What is not here
// the server decodes first (pacs/dicom/delivery.py).
import type { DecodedFrame, PixelDescription } from "../geom/pixels";
import { decodeNative, NATIVE } from "./native";
import { type Decode, frameOf } from "./samples";

const JPEG = "1.2.840.10008.1.2.4.";

const CODECS: Readonly<Record<string, () => Promise<Decode>>> = {
  [NATIVE]: async () => decodeNative,
  "1.2.840.10008.1.2.5": async () => (await import("./rle")).decodeRle,
  [`${JPEG}50`]: jpeg,
  [`${JPEG}57`]: jpeg,
  [`${JPEG}70`]: jpeg,
  [`${JPEG}80`]: jpegLs,
  [`${JPEG}81`]: jpegLs,
  [`${JPEG}90`]: j2k,
  [`${JPEG}91`]: j2k,
  [`${JPEG}201`]: htj2k,
  [`${JPEG}202`]: htj2k,
  [`${JPEG}203`]: htj2k,
};

/** Some streams are another process than the data set says: the frame header of the stream is right. */
async function jpeg(): Promise<Decode> {
  const [{ readHeader, SOF3 }, { decodeJpeg }, { decodeJpegLossless }] = await Promise.all([import("./jpegmarkers"), import("./jpeg"), import("./jpegll")]);
  return (bytes, description) => (readHeader(bytes).frame.marker === SOF3 ? decodeJpegLossless(bytes) : decodeJpeg(bytes, description));
}
async function jpegLs(): Promise<Decode> {
  return (await import("./jpegls")).decodeJpegLs;
}
async function j2k(): Promise<Decode> {
  return (await import("./j2k")).decodeJ2k;
}
async function htj2k(): Promise<Decode> {
  return (await import("./htj2k")).decodeHtj2k;
}

/** The codec for a transfer syntax; undefined when there is none. */
export async function loadCodec(transferSyntaxUid: string): Promise<Decode | undefined> {
  return CODECS[transferSyntaxUid]?.();
}

/** One frame's bytes as stored values; HTJ2K that ends early `reduce` times halved. Throws when no codec reads them. */
export async function decodeFrame(bytes: Uint8Array, description: PixelDescription, reduce = 0): Promise<DecodedFrame> {
  const decode = await loadCodec(description.transferSyntaxUid);
  if (!decode) throw new Error(`no codec for transfer syntax ${description.transferSyntaxUid}`);
  return frameOf(await decode(bytes, description, reduce), description);
}
