"""From a released model to photographs: `synthesizer` draws, `manifest` draws many, `swap` draws grids."""
