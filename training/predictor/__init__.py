"""Training of the predictor: any picture becomes a row of the bundled network."""
