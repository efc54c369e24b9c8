// What the pictures show, in words. For a bundle of something else the server puts its words here.

export const subject = {
  one: "a face",
  thing: "face",
  many: "faces",
  same: "one person",
  different: "two people",
  ofFaces: true,
};
