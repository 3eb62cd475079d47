// What a frame is: how its bytes are written, and its stored values before any look-up table.

/** The values of the Image Pixel Module that a decoder needs (PS3.3 C.7.6.3). */
export interface PixelDescription {
  /** How the frame's bytes are written. */
  readonly transferSyntaxUid: string;
  readonly rows: number;
  readonly columns: number;
  readonly samplesPerPixel: number;
  readonly photometric: string;
  /** 0: colour by pixel; 1: colour by plane. Only native and RLE frames heed it. */
  readonly planarConfiguration: number;
  readonly bitsAllocated: number;
  readonly bitsStored: number;
  readonly highBit: number;
  readonly signed: boolean;
  /** Float Pixel Data (7FE0,0008) or Double Float Pixel Data (7FE0,0009). */
  readonly float: boolean;
}

export type StoredValues = Uint8Array | Int8Array | Uint16Array | Int16Array | Float32Array;

/** One decoded frame. Grey and palette frames have one sample a pixel; colour frames three, interleaved, always RGB of 8 bits. */
export interface DecodedFrame {
  readonly rows: number;
  readonly columns: number;
  readonly samples: 1 | 3;
  /** rows × columns × samples stored values, row by row. Integers of over 16 bits are rounded to single precision. */
  readonly values: StoredValues;
}

/** How many bytes a decoded frame keeps in memory. */
export function sizeOf(frame: DecodedFrame): number {
  return frame.values.byteLength;
}
