// The shaders: a triangle over the whole pane; each device pixel looks up its place in the picture.

export const VERTEX = `#version 300 es
void main() {
  vec2 corner = vec2(gl_VertexID == 1 ? 3.0 : -1.0, gl_VertexID == 2 ? 3.0 : -1.0);
  gl_Position = vec4(corner, 0.0, 1.0);
}`;

/** What a texture holds: integers with or without sign, real numbers, or colour. */
export type TextureKind = "unsigned" | "signed" | "real" | "colour";

const SAMPLER: Readonly<Record<TextureKind, string>> = {
  unsigned: "highp usampler2D",
  signed: "highp isampler2D",
  real: "highp sampler2D",
  colour: "highp sampler2D",
};

const UNIFORMS = `
uniform SAMPLER image;
uniform ivec2 size;
uniform vec2 paneSize;
uniform vec3 toImageX;
uniform vec3 toImageY;
uniform bool interpolate;
uniform int taps;
uniform bool negative;
out vec4 colour;
`;

/** Integer textures are not filtered by the card, so four texels are fetched and mixed here: values stay exact at their centres. */
const MAIN = `
VALUE valueAt(vec2 point) {
  VALUE nearest = texel(ivec2(floor(point)));
  if (!interpolate) return nearest;
  vec2 corner = point - 0.5;
  ivec2 at = ivec2(floor(corner));
  // In steps, as cards have them: what rounding leaves of a neighbour at a centre would show where a window is a threshold.
  vec2 share = round((corner - vec2(at)) * 256.0) / 256.0;
  VALUE a = keep(nearest, texel(at)), b = keep(nearest, texel(at + ivec2(1, 0)));
  VALUE c = keep(nearest, texel(at + ivec2(0, 1))), d = keep(nearest, texel(at + ivec2(1, 1)));
  return mix(mix(a, b, share.x), mix(c, d, share.x), share.y);
}

bool inside(vec2 point) {
  return point.x >= 0.0 && point.y >= 0.0 && point.x < float(size.x) && point.y < float(size.y);
}

void main() {
  vec2 device = vec2(gl_FragCoord.x, paneSize.y - gl_FragCoord.y);
  vec3 sum = vec3(0.0);
  for (int j = 0; j < taps; j++) {
    for (int i = 0; i < taps; i++) {
      vec3 at = vec3(device + (vec2(i, j) + 0.5) / float(taps) - 0.5, 1.0);
      vec2 point = vec2(dot(toImageX, at), dot(toImageY, at));
      if (inside(point)) sum += shown(valueAt(point));
    }
  }
  colour = vec4(sum / float(taps * taps), 1.0);
}`;

const GREY = `
uniform vec2 modality;
uniform vec2 window;
uniform int voi;
uniform bool inverse;
uniform bool hasPadding;
uniform vec2 padding;
uniform highp usampler2D voiLut;
uniform int voiLutFirst;
uniform int voiLutCount;
uniform float voiLutTop;

float texel(ivec2 at) {
  return float(texelFetch(image, clamp(at, ivec2(0), size - 1), 0).r);
}

bool isPadding(float stored) {
  return hasPadding && stored >= padding.x && stored <= padding.y;
}

float keep(float nearest, float other) {
  return isPadding(other) ? nearest : other;
}

float linear(float x) {
  float halfWidth = (window.y - 1.0) / 2.0;
  float middle = window.x - 0.5;
  if (x <= middle - halfWidth) return 0.0;
  if (x > middle + halfWidth) return 1.0;
  return (x - middle) / (window.y - 1.0) + 0.5;
}

float looked(float x) {
  int entry = clamp(int(round(x)) - voiLutFirst, 0, voiLutCount - 1);
  int width = textureSize(voiLut, 0).x;
  return float(texelFetch(voiLut, ivec2(entry % width, entry / width), 0).r) / voiLutTop;
}

vec3 shown(float stored) {
  if (isPadding(stored)) return vec3(negative ? 1.0 : 0.0);
  float x = stored * modality.x + modality.y;
  float grey = voi == 0 ? linear(x)
    : voi == 1 ? clamp((x - window.x) / window.y + 0.5, 0.0, 1.0)
    : voi == 2 ? 1.0 / (1.0 + exp(-4.0 * (x - window.x) / window.y))
    : looked(x);
  return vec3(inverse != negative ? 1.0 - grey : grey);
}
`;

const COLOUR = `
vec3 texel(ivec2 at) {
  return texelFetch(image, clamp(at, ivec2(0), size - 1), 0).rgb;
}

vec3 keep(vec3 nearest, vec3 other) {
  return other;
}

vec3 shown(vec3 value) {
  return negative ? 1.0 - value : value;
}
`;

export function fragmentShader(kind: TextureKind): string {
  const source = UNIFORMS + (kind === "colour" ? COLOUR : GREY) + MAIN;
  const value = kind === "colour" ? "vec3" : "float";
  return `#version 300 es\nprecision highp float;\nprecision highp int;\n${source.replaceAll("SAMPLER", SAMPLER[kind]).replaceAll("VALUE", value)}`;
}
