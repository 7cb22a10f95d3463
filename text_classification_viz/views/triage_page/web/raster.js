// Stamps small pictures onto a large one by arithmetic on pixels: a canvas without a graphics card takes ten times
// as long for as many.

// A stamp is at most this many pixels wide to each side of its middle.
const MARGIN = 64;

export function createRaster(context) {
  let picture = null;
  let pixels = null; // one number for each: alpha, blue, green, red
  let stride = 0;

  return {
    // Starts a picture of one color, "rgb(r, g, b)"; sizes in pixels of the device.
    begin(width, height, ground) {
      const [red, green, blue] = ground.match(/\d+/g).map(Number);
      if (picture?.width !== width + 2 * MARGIN || picture.height !== height + 2 * MARGIN) {
        picture = new ImageData(width + 2 * MARGIN, height + 2 * MARGIN);
        pixels = new Uint32Array(picture.data.buffer);
        stride = picture.width;
      }
      pixels.fill(((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0);
    },

    // Middle of the stamp at x, y. Red and blue are blended in one multiplication: each has room of 16 bits.
    stamp({ dx, dy, opacity, redBlue, green }, x, y) {
      const column = Math.round(x) + MARGIN;
      const line = Math.round(y) + MARGIN;
      if (column < MARGIN || line < MARGIN || column > stride - MARGIN || line > picture.height - MARGIN) return;
      const middle = line * stride + column;
      for (let i = 0; i < opacity.length; i++) {
        const at = middle + dy[i] * stride + dx[i];
        const below = pixels[at];
        const rest = 256 - opacity[i];
        const mixed = ((Math.imul(below & 0xff00ff, rest) + redBlue[i]) >>> 8) & 0xff00ff;
        pixels[at] = 0xff000000 | mixed | (((Math.imul(below & 0xff00, rest) + green[i]) >>> 8) & 0xff00);
      }
    },

    end() {
      context.putImageData(picture, -MARGIN, -MARGIN);
    },
  };
}

// What `paint` draws around the origin of a canvas, as a stamp; `reach` in pixels of the page.
export function createStamp(reach, scale, paint) {
  const half = Math.min(Math.ceil(reach * scale), MARGIN - 1);
  const size = 2 * half + 1;
  const canvas = new OffscreenCanvas(size, size);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.translate(size / 2, size / 2);
  context.scale(scale, scale);
  paint(context);
  const { data } = context.getImageData(0, 0, size, size);
  const drawn = Array.from({ length: size * size }, (_, i) => i).filter((i) => data[4 * i + 3] > 0);
  const opacity = Int32Array.from(drawn, (i) => Math.round((data[4 * i + 3] / 255) * 256));
  return {
    dx: Int32Array.from(drawn, (i) => (i % size) - half),
    dy: Int32Array.from(drawn, (i) => Math.floor(i / size) - half),
    opacity,
    redBlue: Int32Array.from(drawn, (i, n) => Math.imul((data[4 * i + 2] << 16) | data[4 * i], opacity[n])),
    green: Int32Array.from(drawn, (i, n) => (data[4 * i + 1] << 8) * opacity[n]),
  };
}
