module.exports = {
  stepwell: {
    input: "openapi.json",
    output: { target: "generated/orval.ts", client: "fetch", baseUrl: process.env.STEPWELL_URL },
  },
};
