declare module '*.txt' {
  const text: string
  // biome-ignore lint/style/noDefaultExport: what esbuild makes of a text file
  export default text
}
