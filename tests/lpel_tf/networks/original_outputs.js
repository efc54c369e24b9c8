// Writes what the zoo's networks say in their original runtime, TensorFlow.js, of the images that
// test_zoo.py makes. In a folder of its own:
//   npm install @tensorflow/tfjs@4 @tensorflow/tfjs-backend-wasm@4 @vladmandic/face-api@1.7.15
//   node original_outputs.js IMAGES FACE_API/model HUMAN_MODELS/models OUT
// IMAGES holds dlib-resnet.f32 and faceres.f32, RGB pixels from 0 to 255 as float32, and OUT gets
// a file .out for each, its embeddings one after the other.
const fs = require("fs");
const tf = require("@tensorflow/tfjs");
require("@tensorflow/tfjs-backend-wasm");
const faceapi = require("@vladmandic/face-api/dist/face-api.node-wasm.js");

const [images, dlib, human, out] = process.argv.slice(2);

function* squares(key, side) {
  const file = fs.readFileSync(`${images}/${key}.f32`);
  const pixels = new Float32Array(file.buffer, file.byteOffset, file.length / 4);
  const each = side * side * 3;
  for (let start = 0; start < pixels.length; start += each) {
    yield pixels.slice(start, start + each);
  }
}

function write(key, numbers) {
  fs.writeFileSync(`${out}/${key}.out`, Buffer.from(new Float32Array(numbers).buffer));
}

async function dlibResnet() {
  await faceapi.tf.setBackend("cpu");
  await faceapi.tf.ready();
  await faceapi.nets.faceRecognitionNet.loadFromDisk(dlib);
  const numbers = [];
  for (const pixels of squares("dlib-resnet", 150)) {
    const image = faceapi.tf.tensor(pixels, [1, 150, 150, 3]);
    numbers.push(...(await faceapi.nets.faceRecognitionNet.computeFaceDescriptor(image)));
  }
  write("dlib-resnet", numbers);
}

async function faceres() {
  await tf.setBackend("cpu");
  const model = JSON.parse(fs.readFileSync(`${human}/faceres.json`));
  const data = fs.readFileSync(`${human}/faceres.bin`);
  const graph = await tf.loadGraphModel(
    tf.io.fromMemory({
      modelTopology: model.modelTopology,
      weightSpecs: model.weightsManifest.flatMap((group) => group.weights),
      weightData: data.buffer.slice(data.byteOffset, data.byteOffset + data.length),
      format: model.format,
      signature: model.signature,
    }),
  );
  const numbers = [];
  for (const pixels of squares("faceres", 224)) {
    const image = tf.tensor(pixels, [1, 224, 224, 3]);
    const standardised = tf.reverse(image, 3).sub(tf.tensor([91.4953, 103.8827, 131.0912]));
    numbers.push(...graph.execute(standardised, "global_pooling/Mean").dataSync());
  }
  write("faceres", numbers);
}

dlibResnet().then(faceres);
