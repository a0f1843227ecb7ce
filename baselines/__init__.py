"""The models AttRec is compared with: one file each, none imports another."""
